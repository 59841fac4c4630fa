"""The tokenizer: train byte-level BPE on the nation's text, or take over a base model's, and compare with the world's."""
