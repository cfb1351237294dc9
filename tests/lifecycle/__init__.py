"""The local platform itself: killed, restarted, taken over, stopped, removed. Runs after everything else, alone; it ends with no platform."""
