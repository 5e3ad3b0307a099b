"""Videos decoded to pictures: the only place that reads them."""
