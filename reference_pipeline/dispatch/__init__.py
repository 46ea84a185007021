"""The downstream consumer: decides on the predictions, and must decide without them too."""
