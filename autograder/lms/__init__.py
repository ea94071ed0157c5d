"""In from a learning management system and back: downloads sorted into submissions, marks and feedback returned."""
