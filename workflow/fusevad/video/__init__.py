"""Decode videos into pictures: the only place that reads them."""
