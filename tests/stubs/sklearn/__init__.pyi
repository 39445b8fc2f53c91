"""The part of scikit-learn that the examples use; scikit-learn ships no types."""
