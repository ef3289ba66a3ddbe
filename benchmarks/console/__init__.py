"""The console in a browser: 100,000 sessions in its list, a session of 5,000 events, many tabs."""
