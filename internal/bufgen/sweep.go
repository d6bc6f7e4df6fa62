package bufgen

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/types/descriptorpb"
)

// sweep takes the places of options that were changed out of the source info, and
// with them those of the statements and brackets that have nothing else.
func sweep(info *descriptorpb.SourceCodeInfo, changed [][]int32) {
	if len(changed) == 0 || len(info.GetLocation()) == 0 {
		return
	}
	gone := map[string]bool{}
	for _, path := range changed {
		gone[fmt.Sprint(path)] = true
	}
	// The place of a statement, such as "option go_package = …", stands before that
	// of its option; the options of a field share one place for their brackets.
	drop := make([]bool, len(info.Location))
	brackets := map[string]int{} // index of the place, by its path
	used := map[string]bool{}    // has an option that stays
	for i, l := range info.Location {
		path := l.GetPath()
		n := fieldOptionsLength(path)
		if n == len(path) && n > 0 {
			brackets[fmt.Sprint(path)] = i
		}
		if !gone[fmt.Sprint(path)] {
			if n > 0 && n < len(path) {
				used[fmt.Sprint(path[:n])] = true
			}
			continue
		}
		drop[i] = true
		if n == 0 && i > 0 && slices.Equal(info.Location[i-1].GetPath(), []int32{fileOptions}) {
			drop[i-1] = true
		}
	}
	for path, i := range brackets {
		drop[i] = drop[i] || !used[path]
	}
	kept := info.Location[:0]
	for i, l := range info.Location {
		if !drop[i] {
			kept = append(kept, l)
		}
	}
	info.Location = kept
}

// fieldOptionsLength returns the length of the part of a source path that names
// the options of a field, or 0 if the path does not go through any.
func fieldOptionsLength(path []int32) int {
	if len(path) < 3 {
		return 0
	}
	i := 2 // of the first element behind a message, or a field
	field := path[0] == fileExtensions
	if path[0] != fileMessages && !field {
		return 0
	}
	for !field && i+1 < len(path) {
		switch path[i] {
		case messageFields, messageExtensions:
			field = true
		case messageMessages:
		default:
			return 0
		}
		i += 2
	}
	if field && i < len(path) && path[i] == fieldOptions {
		return i + 1
	}
	return 0
}
