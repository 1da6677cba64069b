// A link to this page with a copy button. Over plain http a browser gives no clipboard to write to: then the link is
// selected and copied the old way, and where that is refused too, the selection is left for the reader's own Ctrl+C.

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

export default function ({ parentElement, data }) {
  let root = parentElement.querySelector(".layerlab-copy");
  if (!root) {
    root = built(data.label);
    parentElement.append(root);
  }
  const field = root.querySelector("input");
  const link = address(data);
  if (field.value === link) return;
  field.value = link;
  root.querySelector("[role=status]").textContent = "";
}

/** Where others find this page: under the address this browser uses, unless that one means its own machine. */
function address({ query, publicUrl }) {
  const own = LOOPBACK.includes(location.hostname) && publicUrl ? publicUrl.replace(/\/+$/, "") : location.origin;
  return `${own}${location.pathname}?${query}`;
}

function built(label) {
  const root = Object.assign(document.createElement("div"), { className: "layerlab-copy" });
  const name = Object.assign(document.createElement("label"), { textContent: label });
  const row = Object.assign(document.createElement("div"), { className: "row" });
  const field = Object.assign(document.createElement("input"), { readOnly: true, type: "text" });
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy link" });
  const status = document.createElement("div");
  field.setAttribute("aria-label", label);
  button.setAttribute("aria-label", `Copy link: ${label}`);
  status.setAttribute("role", "status");
  button.onclick = async () => (status.textContent = await copied(field));
  field.onfocus = () => field.select();
  row.append(field, button);
  root.append(name, row, status);
  return root;
}

async function copied(field) {
  try {
    await navigator.clipboard.writeText(field.value); // missing without https, except on the server's own machine
    return "Copied.";
  } catch {
    field.focus();
    field.setSelectionRange(0, field.value.length);
    if (document.execCommand("copy")) return "Selected and copied.";
    return "Selected: press Ctrl+C, or ⌘C on a Mac, to copy it.";
  }
}
