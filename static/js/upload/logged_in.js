// The page after a login that an upload page asked for: tells that page to go on.

new BroadcastChannel("brainscan-session").postMessage("logged in");
