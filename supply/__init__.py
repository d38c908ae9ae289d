"""What everything here is built with: the locks, the licences and the bill of materials."""
