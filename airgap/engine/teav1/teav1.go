// Package teav1 replaces tuist's adapter for Bubble Tea models (Dagger's
// questions), which is not served: a focused model runs as a program of its
// own that has the terminal for itself until it is answered.
package teav1

import (
	"fmt"
	"io"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/vito/tuist"
)

// Wrap is a model as a component.
type Wrap struct {
	tuist.Compo
	model  tea.Model
	onQuit func()
}

// New returns a model as a component.
func New(model tea.Model) *Wrap { return &Wrap{model: model} }

// OnQuit sets what runs when the model has quit.
func (w *Wrap) OnQuit(fn func()) { w.onQuit = fn }

// Render implements tuist.Component; the model draws itself.
func (*Wrap) Render(tuist.Context) {}

// SetFocused runs the model when it gets the focus.
func (w *Wrap) SetFocused(ctx tuist.Context, focused bool) {
	if focused {
		go w.run(ctx.TUI())
	}
}

func (w *Wrap) run(tui *tuist.TUI) {
	err := tui.Exec(func(_ io.Reader, _, errOut io.Writer) error {
		_, err := tea.NewProgram(w.model, tea.WithOutput(errOut)).Run()
		return err
	})
	if err != nil {
		tui.Fail(fmt.Sprintf("there is a question, and no terminal to ask on (%v): "+
			"to apply changes without being asked, add --auto-apply", err))
	}
	if tui.Started() {
		tui.Dispatch(w.onQuit)
	} else {
		w.onQuit()
	}
}
