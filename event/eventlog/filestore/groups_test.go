package filestore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The file of the groups does not grow for as long as the folder is open, and loses
// nothing when it is written anew; nor if that fails.
func TestGroupsFileStaysSmall(t *testing.T) {
	for name, broken := range map[string]bool{"sound": false, "cannot be written anew": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			anew := 0
			s, err := openWith(dir, func(name string, flag int) (file, error) {
				if strings.HasSuffix(name, ".new") {
					if anew++; broken && anew%2 == 1 {
						return nil, errors.New("no space left")
					}
				}
				return openFile(name, flag)
			})
			if err != nil {
				t.Fatal(err)
			}
			const groups, rounds = 5, 30_000
			for g := range groups {
				if _, ok, err := s.Take(t.Context(), fmt.Sprint("group ", g), "t", "me", time.Hour); err != nil || !ok {
					t.Fatal(ok, err)
				}
			}
			for at := range int64(rounds) {
				for g := range groups {
					if ok, err := s.Save(t.Context(), fmt.Sprint("group ", g), "t", "me", at+int64(g)); err != nil || !ok {
						t.Fatal(ok, err)
					}
				}
			}
			if info, err := os.Stat(filepath.Join(dir, "groups")); err != nil || info.Size() > 4*rewriteFrom {
				t.Errorf("the file has %d bytes (%v) after %d saves, want %d at most", info.Size(), err, groups*rounds, 4*rewriteFrom)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir)
			for g := range int64(groups) {
				if at, err := s.Position(t.Context(), fmt.Sprint("group ", g), "t"); err != nil || at != rounds-1+g {
					t.Errorf("group %d is at %d (%v), want %d", g, at, err, rounds-1+g)
				}
			}
		})
	}
}
