package gate

// Object returns the name of the object that holds a file's bytes, over symbolic
// links and into submodules; files with one name have the same bytes. It is false
// if there is no such file.
func (f *GitFS) Object(name string) (oid string, ok bool) {
	at, err := f.real("object", name, true)
	if err != nil {
		return "", false
	}
	if sub, inside, err := f.sub("object", at); sub != nil || err != nil {
		if err != nil {
			return "", false
		}
		return sub.Object(inside)
	}
	n, err := f.node("object", at)
	if err != nil || !n.mode.IsRegular() {
		return "", false
	}
	return n.oid, true
}
