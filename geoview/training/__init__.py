"""Training: recipes, data, splits, the loop in a child process, evaluation."""
