package gate

import (
	"encoding/json"
	"io"
)

type bufLine struct {
	Path        string `json:"path,omitempty"`
	StartLine   int    `json:"start_line,omitempty"`
	StartColumn int    `json:"start_column,omitempty"`
	EndLine     int    `json:"end_line,omitempty"`
	EndColumn   int    `json:"end_column,omitempty"`
	Type        string `json:"type"`
	Message     string `json:"message"`
}

// BufJSON writes one JSON object a line for each finding, with the field names of
// buf's --error-format=json. What could not be checked has the type COMPILE, as
// there.
func BufJSON(w io.Writer, r Result) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	line := func(at Place, id, message string) error {
		l := bufLine{Path: r.fromRoot(at.Path), Type: id, Message: message}
		if at.Path != "" {
			l.StartLine, l.StartColumn = max(at.Line, 1), max(at.Col, 1)
			l.EndLine, l.EndColumn = max(at.EndLine, 1), max(at.EndCol, 1)
		}
		return enc.Encode(l)
	}
	for _, f := range r.Findings {
		if err := line(f.New, f.Rule.ID, f.Message); err != nil {
			return err
		}
	}
	for _, p := range r.Problems {
		places := p.Places
		if len(places) == 0 {
			places = []Place{{Note: p.Err.Error()}}
		}
		for _, at := range places {
			if at.Label != "" {
				at = Place{Note: at.String() + ": " + at.Note}
			}
			if err := line(at, "COMPILE", at.Note); err != nil {
				return err
			}
		}
	}
	return nil
}
