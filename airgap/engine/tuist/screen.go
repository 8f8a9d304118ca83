package tuist

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Terminal is what a TUI draws on. Size returns columns and rows, 0 and 0 if it
// is none; then nothing is drawn.
type Terminal interface {
	io.Writer
	Size() (width, height int)
}

// StdTerminal is standard error, or standard output, if it is a terminal.
type StdTerminal struct{ *os.File }

// NewStdTerminal returns the process's terminal.
func NewStdTerminal() StdTerminal {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return StdTerminal{os.Stdout}
	}
	return StdTerminal{os.Stderr}
}

// Size implements Terminal.
func (t StdTerminal) Size() (width, height int) {
	width, height, err := term.GetSize(int(t.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}

const (
	moveUp       = "\x1b[%dA"
	wrapOff      = "\x1b[?7l"
	wrapOn       = "\x1b[?7h"
	endOfLine    = "\x1b[0m\x1b[K\r\n"
	clearToEnd   = "\x1b[J"
	beginUpdate  = "\x1b[?2026h"
	finishUpdate = "\x1b[?2026l"
)

// screen is the frame last drawn, above the cursor. Whoever draws holds it.
type screen struct {
	sync.Mutex
	terminal Terminal
	shown    []string
}

// show replaces the frame with the last lines that fit on the terminal.
func (s *screen) show(lines []string) {
	_, height := s.terminal.Size()
	lines = lines[max(0, len(lines)-max(0, height-1)):]
	if slices.Equal(lines, s.shown) {
		return
	}
	var frame strings.Builder
	frame.WriteString(beginUpdate + wrapOff + "\r")
	if n := len(s.shown); n > 0 {
		fmt.Fprintf(&frame, moveUp, n)
	}
	for _, line := range lines {
		frame.WriteString(line + endOfLine)
	}
	frame.WriteString(clearToEnd + wrapOn + finishUpdate)
	io.WriteString(s.terminal, frame.String())
	s.shown = lines
}
