"""The parts of `jsrun.playground`: visitors and their isolates, what runs tell, and the page."""
