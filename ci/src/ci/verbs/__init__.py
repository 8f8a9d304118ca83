"""What users call: each file is one part of the class that Dagger sees, and only delegates."""
