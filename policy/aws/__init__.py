"""Rules over AWS resources."""
