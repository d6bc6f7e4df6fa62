package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// AddWaiver returns text, the settings, with w among check.waivers. Nothing else
// changes, comments and layout included. One that is there under the same id is
// an error, and so is a layout that it cannot be put into.
func AddWaiver(text string, w Waiver) (string, error) {
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return "", fmt.Errorf("the settings cannot be read: %w", err)
	}
	before, err := Parse(Name, text)
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(before.Check.Waivers, func(have Waiver) bool { return have.ID == w.ID }) {
		return "", fmt.Errorf("there is a waiver for %s already", w.ID)
	}
	entry := fmt.Sprintf("- { id: %s, reason: %s, owner: %s, until: %s }", strconv.Quote(w.ID), strconv.Quote(w.Reason), strconv.Quote(w.Owner), w.Until)
	out := insertWaiver(text, file.Docs[0].Body, entry)
	after, err := Parse(Name, out)
	if err != nil || len(after.Check.Waivers) != len(before.Check.Waivers)+1 || !slices.Contains(after.Check.Waivers, w) {
		return "", fmt.Errorf("check.waivers is laid out in a way that this cannot edit; add the line yourself:\n  %s", entry)
	}
	return out, nil
}

// insertWaiver puts the entry before the first waiver, else under check.waivers,
// else under check, else at the end. Whether that worked is for the caller to see.
func insertWaiver(text string, body ast.Node, entry string) string {
	check := member(body, "check")
	if check == nil {
		return strings.TrimRight(text, "\n") + "\ncheck:\n  waivers:\n    " + entry + "\n"
	}
	indent := check.Key.GetToken().Position.Column - 1
	waivers := member(check.Value, "waivers")
	if waivers == nil {
		inner := strings.Repeat(" ", indent+2)
		if first := firstKey(check.Value); first > 0 {
			inner = strings.Repeat(" ", first-1)
		}
		return insertLines(text, check.Key.GetToken().Position.Line, inner+"waivers:", inner+"  "+entry)
	}
	line := waivers.Key.GetToken().Position.Line
	at := strings.Repeat(" ", waivers.Key.GetToken().Position.Column+1)
	seq, ok := waivers.Value.(*ast.SequenceNode)
	if !ok || len(seq.Values) == 0 {
		return replaceValue(text, line, at+entry)
	}
	if seq.IsFlowStyle {
		return text // somebody has to decide how it is to look
	}
	dash := seq.GetToken().Position
	return insertLines(text, dash.Line-1, strings.Repeat(" ", dash.Column-1)+entry)
}

// replaceValue makes an empty list of a line "waivers: []" or "waivers:".
func replaceValue(text string, line int, entry string) string {
	lines := strings.Split(text, "\n")
	if line > len(lines) {
		return text // YAML ends lines in other ways too
	}
	if key, rest, ok := strings.Cut(lines[line-1], ":"); ok && strings.Trim(rest, " []") == "" {
		lines[line-1] = key + ":"
	}
	return insertLines(strings.Join(lines, "\n"), line, entry)
}

// insertLines puts lines behind the given line, from 1.
func insertLines(text string, line int, add ...string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(slices.Insert(lines, min(line, len(lines)), add...), "\n")
}

func member(n ast.Node, key string) *ast.MappingValueNode {
	for _, m := range members(n) {
		if m.Key.String() == key {
			return m
		}
	}
	return nil
}

func members(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// firstKey is the column of the first key of a mapping in block style, or 0.
func firstKey(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && m.IsFlowStyle {
		return 0
	}
	if all := members(n); len(all) > 0 {
		return all[0].Key.GetToken().Position.Column
	}
	return 0
}

// Rel returns the folder of the settings as seen from the root of the repository
// that it is in (the nearest folder above with .git), in slashes; "" if it is the
// root or there is none.
func (c *Config) Rel() string {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return ""
	}
	for d := dir; ; d = filepath.Dir(d) {
		if isRepository(d) {
			if rel, err := filepath.Rel(d, dir); err == nil && rel != "." {
				return filepath.ToSlash(rel)
			}
			return ""
		}
		if d == filepath.Dir(d) {
			return ""
		}
	}
}
