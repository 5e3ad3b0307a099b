"""Download data sets: downloads resume, are verified and safely unpacked."""
