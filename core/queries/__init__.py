"""What a trained model can be asked: measurements on its weights, one topic a file."""
