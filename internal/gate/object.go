package gate

// Object returns the id of the bytes of a file, which is that of git's object, and
// false if there is no such file. It reads nothing.
func (f *GitFS) Object(name string) (oid string, ok bool) {
	n, ok := f.nodes[name]
	if !ok || n.mode.IsDir() {
		return "", false
	}
	return n.oid, true
}
