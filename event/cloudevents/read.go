package cloudevents

import (
	"fmt"
	"strings"
	"time"

	"github.com/wireproof/wireproof/event"
)

// Attributes are those of one event. The first three are never empty.
type Attributes struct {
	ID              string
	Source          string
	Type            string
	Subject         string
	Time            time.Time // zero if there is none
	DataContentType string
	DataSchema      string
	Extensions      map[string]string // the others, by name; nil if there are none
}

// Of returns the attributes in the headers of a message, spelled as the binding
// does. It reports false if there is no envelope. An envelope that CloudEvents 1.0
// does not allow is an error that names the attribute, and so is structured mode.
func (b Binding) Of(h event.Headers) (a Attributes, ok bool, err error) {
	found, version := false, ""
	for _, x := range h {
		if name, is := b.cut(x.Key); is && name == "specversion" {
			found, version = true, string(x.Value)
		}
	}
	if !found {
		if t, _ := h.Get(contentType); strings.HasPrefix(strings.ToLower(string(t)), "application/cloudevents") {
			return a, false, fmt.Errorf("cloudevents: the content type is %s, which is structured mode; want binary mode, one header for each attribute", t)
		}
		return a, false, nil
	}
	if version != "1.0" {
		return a, false, fmt.Errorf("cloudevents: the specversion is %q, want 1.0", version)
	}
	for _, x := range h {
		name, found := b.cut(x.Key)
		value := string(x.Value)
		switch {
		case !found && strings.EqualFold(x.Key, contentType):
			a.DataContentType = value
			continue
		case !found, name == "specversion":
			continue
		}
		if b.percent {
			value = unescaped(value)
		}
		if err := a.set(name, value); err != nil {
			return Attributes{}, false, fmt.Errorf("cloudevents: attribute %s: %w", name, err)
		}
	}
	for _, required := range []struct{ name, value string }{{"id", a.ID}, {"source", a.Source}, {"type", a.Type}} {
		if required.value == "" {
			return Attributes{}, false, fmt.Errorf("cloudevents: there is a specversion but no %s, which every event has", required.name)
		}
	}
	return a, true, nil
}

// cut returns the name of the attribute that a header carries. Header names have
// no case in some bindings, and AMQP has two prefixes.
func (b Binding) cut(key string) (name string, is bool) {
	key = strings.ToLower(key)
	if name, is = strings.CutPrefix(key, strings.ToLower(b.prefix)); !is && b == AMQP {
		name, is = strings.CutPrefix(key, "cloudevents_")
	}
	return name, is
}

func (a *Attributes) set(name, value string) (err error) {
	if err := checkName(name); err != nil {
		return err
	}
	if err := checkValue(value); err != nil {
		return err
	}
	switch name {
	case "id":
		a.ID = value
	case "source":
		a.Source = value
	case "type":
		a.Type = value
	case "subject":
		a.Subject = value
	case "dataschema":
		a.DataSchema = value
	case "time":
		if a.Time, err = time.Parse(time.RFC3339Nano, value); err != nil {
			return fmt.Errorf("%q is no time of RFC 3339, such as 2026-01-31T12:00:00Z", value)
		}
	default:
		if a.Extensions == nil {
			a.Extensions = map[string]string{}
		}
		a.Extensions[name] = value
	}
	return nil
}
