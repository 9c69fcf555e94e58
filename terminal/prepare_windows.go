package terminal

import (
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// prepare asks a Windows console to understand escape sequences, and reports whether it does. Without it an older console
// would print them as text.
func prepare(screen io.Writer) bool {
	file, ok := screen.(*os.File)
	if !ok {
		return false
	}
	var mode uint32
	handle := windows.Handle(file.Fd())
	if windows.GetConsoleMode(handle, &mode) != nil {
		return false
	}
	if mode&windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING != 0 {
		return true
	}
	return windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
