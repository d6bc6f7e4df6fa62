package avro

import (
	"math"
	"strconv"
	"strings"
)

// javaNumber prints a JSON number as Jackson does after reading it: whole
// numbers digit by digit, others as the nearest double.
func javaNumber(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		if text == "-0" {
			return "0"
		}
		return text
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range is infinite, as in Java
	if math.IsInf(f, 0) {
		return `"` + javaDouble(f) + `"`
	}
	return javaDouble(f)
}

// javaDouble prints f as Double.toString: plain between 10^-3 and 10^7, else
// with an exponent, and always with a digit after the point. Java before 19 prints
// a few numbers beyond 10^16 with more digits than they need; we do not.
func javaDouble(f float64) string {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strconv.FormatFloat(f, 'f', -1, 64), "+") + "inity"
	case abs != 0 && (abs < 1e-3 || abs >= 1e7):
		text := strconv.FormatFloat(f, 'E', -1, 64)
		if !strings.Contains(text, ".") {
			text = strconv.FormatFloat(f, 'E', 1, 64) // Java takes the nearest of two digits
		}
		mantissa, exponent, _ := strings.Cut(text, "E")
		sign := ""
		if exponent[0] == '-' {
			sign = "-"
		}
		return mantissa + "E" + sign + strings.TrimLeft(exponent, "+-0")
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// parseJavaDouble reads what Double.valueOf reads: white space around it, a type
// suffix, hexadecimal digits with a binary exponent, NaN and Infinity.
func parseJavaDouble(s string) (float64, bool) {
	s = strings.TrimFunc(s, func(c rune) bool { return c <= ' ' })
	unsigned := strings.TrimLeft(s, "+-")
	if len(s)-len(unsigned) > 1 {
		return 0, false
	}
	switch unsigned {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1 - 2*strings.Count(s, "-")), true
	case "":
		return 0, false
	}
	isHex := strings.HasPrefix(strings.ToLower(unsigned), "0x")
	if isHex && !strings.ContainsAny(unsigned, "pP") || strings.ContainsAny(s, "_nNiI") {
		return 0, false
	}
	if c := s[len(s)-1] | 0x20; c == 'd' || c == 'f' {
		s = s[:len(s)-1]
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}
