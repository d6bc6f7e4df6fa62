package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/term"
)

// maxPassword is how many bytes of a password bcrypt looks at.
const maxPassword = 72

var userName = regexp.MustCompile(`^[^\s:,]+$`)

func (a *app) passwdCmd() *cobra.Command {
	var groups []string
	cmd := &cobra.Command{
		Use:   "passwd USER",
		Short: "Print a line for the file of passwords of a registry",
		Long: `Passwd reads a password and prints the line that lets USER sign in at a registry
whose settings name the file in auth.basic.file. The password is asked for, or
read from the first line of the input; it is never an argument, where others on
the machine could see it. The server reads the file again when it changes.`,
		Example: `  wireproof passwd ada --groups platform >>users
  pass show registry/ci | wireproof passwd ci >>users`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, name := range append([]string{args[0]}, groups...) {
				if !userName.MatchString(name) {
					return usagef("%q: a user or group is not empty and holds no space, colon or comma", name)
				}
			}
			password, err := a.password(args[0])
			if err != nil {
				return err
			}
			hash, err := bcrypt.GenerateFromPassword(password, bcrypt.DefaultCost)
			if err != nil {
				return err
			}
			line := args[0] + ":" + string(hash)
			if len(groups) > 0 {
				line += ":" + strings.Join(groups, ",")
			}
			_, err = fmt.Fprintln(a.stdout, line)
			return err
		},
	}
	cmd.Flags().StringSliceVar(&groups, "groups", nil, "groups of the user, for grants")
	return cmd
}

// password asks for a password without showing it, or reads a line.
func (a *app) password(user string) ([]byte, error) {
	var password []byte
	if f, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(a.stderr, "Password of %s: ", user)
		typed, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.stderr)
		if err != nil {
			return nil, fmt.Errorf("read the password: %w", err)
		}
		password = typed
	} else {
		line, err := bufio.NewReader(a.stdin).ReadString('\n')
		if err != nil && line == "" {
			return nil, usagef("the password is missing: type it, or give it as the first line of the input")
		}
		password = []byte(strings.TrimRight(line, "\r\n"))
	}
	if len(password) == 0 || len(password) > maxPassword {
		return nil, usagef("the password has %d bytes, expected 1 to %d", len(password), maxPassword)
	}
	return password, nil
}
