package protobuf

import "google.golang.org/protobuf/reflect/protoreflect"

// LeadingComment returns the comment in front of an element of a file of the image,
// without its marks, and whether the element is written there at all. Source info
// is made for the file if nobody asked before.
func (im *Image) LeadingComment(f *ImageFile, path protoreflect.SourcePath) (comment string, written bool) {
	im.places.load(im, []*ImageFile{f})
	im.places.mu.Lock()
	places := im.places.files[f]
	im.places.mu.Unlock()
	if places == nil {
		return "", false
	}
	l := places.byPath[pathKey(path)]
	return l.GetLeadingComments(), l != nil
}
