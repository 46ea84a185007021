// The token has done its work in the form: it need not stay in the address bar or the history.
history.replaceState(null, "", "/join");
