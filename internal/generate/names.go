package generate

import (
	"strings"
	"unicode"
)

// A File is a generated file.
type File struct {
	Path string // relative to the output folder, with forward slashes
	Data []byte
}

// initialisms are words that Go writes in capitals throughout.
var initialisms = map[string]bool{
	"ACL": true, "API": true, "ASCII": true, "BIC": true, "CPU": true, "CSS": true, "CSV": true, "DNS": true, "EOF": true,
	"GUID": true, "HTML": true, "HTTP": true, "HTTPS": true, "IBAN": true, "ID": true, "IP": true, "ISBN": true, "JSON": true,
	"JWT": true, "PDF": true, "QPS": true, "RAM": true, "RPC": true, "SKU": true, "SLA": true, "SMTP": true, "SQL": true,
	"SSH": true, "TCP": true, "TLS": true, "TTL": true, "UDP": true, "UI": true, "UID": true, "URI": true, "URL": true,
	"UTF8": true, "UUID": true, "VAT": true, "VM": true, "XML": true,
}

// GoName turns a name of a schema into an exported Go name: order_id, orderId
// and ORDER_ID become OrderID. It is never empty.
func GoName(s string) string {
	shouting := !strings.ContainsFunc(s, unicode.IsLower)
	var b strings.Builder
	for _, w := range words(s) {
		upper := strings.ToUpper(w)
		switch {
		case initialisms[upper]:
			b.WriteString(upper)
		case strings.HasSuffix(w, "s") && initialisms[upper[:len(upper)-1]]:
			b.WriteString(upper[:len(upper)-1] + "s")
		case shouting:
			b.WriteString(upper[:1] + strings.ToLower(w[1:]))
		default:
			b.WriteString(upper[:1] + w[1:])
		}
	}
	name := b.String()
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return "X" + name
	}
	return name
}

// words splits at everything that is no letter or digit, before a capital after
// a small letter, and before the last of several capitals if a small letter
// follows: HTTPServer is HTTP and Server. Names of schemas are ASCII; anything
// else only separates.
func words(s string) []string {
	var out []string
	start := -1
	flush := func(end int) {
		if start >= 0 && start < end {
			out = append(out, s[start:end])
		}
		start = -1
	}
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && !isDigit(c) {
			flush(i)
			continue
		}
		if start >= 0 && isUpper(c) {
			next := i+1 < len(s) && isLetter(s[i+1]) && !isUpper(s[i+1])
			if !isUpper(s[i-1]) && isLetter(s[i-1]) || isUpper(s[i-1]) && next {
				flush(i)
			}
		}
		if start < 0 {
			start = i
		}
	}
	flush(len(s))
	return out
}

func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isLetter(c byte) bool { return isUpper(c) || 'a' <= c && c <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// unexported turns a Go name into one that the package keeps to itself: OrderID
// becomes orderID, and IDCard becomes idCard.
func unexported(name string) string {
	n := 0
	for n < len(name) && isUpper(name[n]) {
		n++
	}
	if n > 1 && n < len(name) {
		n--
	}
	return strings.ToLower(name[:n]) + name[n:]
}

// comment turns the words of a schema into lines of a Go comment, with a full
// stop at the end; it is empty if there are no words.
func comment(doc, indent string) string {
	doc = printable(doc)
	if doc == "" {
		return ""
	}
	if last := doc[len(doc)-1]; isLetter(last) || isDigit(last) || last == ')' {
		doc += "."
	}
	var b strings.Builder
	for line := range strings.SplitSeq(doc, "\n") {
		line = strings.TrimRight(line, " \t")
		for _, l := range wrap(line, 77) {
			b.WriteString(strings.TrimRight(indent+"// "+l, " ") + "\n")
		}
	}
	return b.String()
}

// printable returns the words of a schema without space around them and without
// the characters that Go source may not have or that would show as nothing.
func printable(doc string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f && r != 0xfeff {
			return r
		}
		return -1
	}, doc))
}

// wrap breaks a line at spaces so that it is no longer than width where that is
// possible.
func wrap(line string, width int) []string {
	var out []string
	for len(line) > width {
		at := strings.LastIndexByte(line[:width+1], ' ')
		if at <= 0 {
			if at = strings.IndexByte(line[width:], ' '); at < 0 {
				break
			}
			at += width
		}
		out = append(out, line[:at])
		line = strings.TrimLeft(line[at:], " ")
	}
	return append(out, line)
}
