package main

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
)

// released is set by the release's build (-ldflags -X main.released=1.2.3).
var released string

// version is the release, else what the go command noted about the build.
func version() string {
	if released != "" {
		return released
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return "development build"
	}
	return cmp.Or(info.Main.Version, "development build")
}

// versionCommand is `doorward version`, which tells more than --version.
func versionCommand(program *authcmd.Program) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: arguments(0, ""),
		RunE: func(*cobra.Command, []string) error {
			platform := runtime.GOOS + "/" + runtime.GOARCH
			return program.Print("doorward "+version()+" ("+runtime.Version()+", "+platform+")\n", struct {
				Version  string `json:"version"`
				Go       string `json:"go"`
				Platform string `json:"platform"`
			}{version(), runtime.Version(), platform})
		},
	}
}
