"""The one timetable of what runs when."""
