"""What the sources claim, and the measurements that decide it: one file a lab, over the words in `evidence`."""
