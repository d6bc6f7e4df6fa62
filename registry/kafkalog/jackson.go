package kafkalog

import (
	"bytes"
	"encoding/json"
)

// marshal writes JSON with the bytes that Confluent's server writes: they are the
// identity of a key. It escapes only what JSON says must be escaped, with digits
// in upper case.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return respell(bytes.TrimSuffix(buf.Bytes(), []byte("\n"))), nil
}

// respell changes escapes of Go's encoder into the ones that are expected. What
// begins with a backslash is always a whole escape.
func respell(data []byte) []byte {
	if !bytes.Contains(data, []byte(`\u`)) {
		return data
	}
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			out = append(out, data[i])
			continue
		}
		if data[i+1] != 'u' {
			out = append(out, data[i], data[i+1])
			i++
			continue
		}
		switch digits := string(data[i+2 : i+6]); digits {
		case "2028":
			out = append(out, "\u2028"...)
		case "2029":
			out = append(out, "\u2029"...)
		case "fffd":
			out = append(out, "\ufffd"...)
		default:
			out = append(out, `\u`...)
			out = append(out, bytes.ToUpper([]byte(digits))...)
		}
		i += 5
	}
	return out
}
