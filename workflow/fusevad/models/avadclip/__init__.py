"""AVadCLIP: VadCLIP with sound, and its student, which only sees."""
