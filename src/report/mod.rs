//! Reporters: folds over the event stream. `progress` draws on a terminal, `plain` writes one line per event that
//! matters, `json` writes the events; `summary` says at the end what was made and what to do next.
