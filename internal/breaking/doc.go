// Package breaking compares the Protobuf files of two inputs and finds the changes
// that break somebody, as the command "buf breaking" does: the same
// configuration, inputs, rules and output.
//
// The cost follows the change and not the size of the tree. Both sides are lists
// of files whose texts are read on demand; what differs is found by object ids or
// bytes; only the files that differ, those that import them, and what all of these
// import are compiled.
package breaking
