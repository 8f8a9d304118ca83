package tuist

import (
	"io"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
)

var spinnerFrames = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

const spinnerInterval = 80 * time.Millisecond

// Spinner shows that something is running.
type Spinner struct {
	Compo

	// Epoch is when it showed its first frame.
	Epoch time.Time
}

// NewSpinner returns a spinner that starts now.
func NewSpinner() *Spinner { return &Spinner{Epoch: time.Now()} }

// Render implements Component.
func (s *Spinner) Render(ctx Context) {
	frame := int(time.Since(s.Epoch)/spinnerInterval) % len(spinnerFrames)
	ctx.Line(string(spinnerFrames[frame]))
}

// TextInput is where the interactive shell and the search would take text.
type TextInput struct {
	Compo
	Prompt         string
	OnSubmit       func(Context, string) bool
	KeyInterceptor func(Context, uv.KeyPressEvent) bool
}

// NewTextInput returns an input without text.
func NewTextInput(string) *TextInput { return &TextInput{} }

// SetFocused ends the process with an error: the focus is where text would be
// typed, and Dagger would wait for it forever.
func (i *TextInput) SetFocused(ctx Context, focused bool) {
	if !focused {
		return
	}
	ctx.tui.Fail("this build of dagger has no interactive shell: use `dagger call`, " +
		"`dagger -c COMMAND`, or `dagger shell FILE`")
}

// Value returns the text: none.
func (*TextInput) Value() string { return "" }

// SetValue ignores text.
func (*TextInput) SetValue(string) {}

// InsertRune ignores text.
func (*TextInput) InsertRune(rune) {}

// Render implements Component.
func (*TextInput) Render(Context) {}

// Completion is a text to complete with.
type Completion struct{ Label, Detail string }

// CompletionResult is what may replace the text from a place on.
type CompletionResult struct {
	Items       []Completion
	ReplaceFrom int
}

// CompletionMenu would show completions.
type CompletionMenu struct{}

// NewCompletionMenu returns a menu that never opens.
func NewCompletionMenu(*TextInput, func(string, int) CompletionResult) *CompletionMenu {
	return &CompletionMenu{}
}

// HandleKeyPress takes no key.
func (*CompletionMenu) HandleKeyPress(Context, uv.KeyPressEvent) bool { return false }

// Overlays are not drawn.
type (
	OverlayHandle  struct{}
	OverlayOptions struct {
		Width  SizeValue
		Anchor OverlayAnchor
		Margin OverlayMargin
	}
	OverlayMargin struct{ Right int }
	OverlayAnchor int
	SizeValue     int
)

// AnchorTopRight is the top right corner.
const AnchorTopRight OverlayAnchor = 0

// SizeAbs returns a size in cells.
func SizeAbs(cells int) SizeValue { return SizeValue(cells) }

// Remove has nothing to remove.
func (*OverlayHandle) Remove() {}

// ShowOverlay shows nothing.
func (*TUI) ShowOverlay(Component, *OverlayOptions) *OverlayHandle { return &OverlayHandle{} }

// RequestRender has nothing to do: a frame is drawn at every tick.
func (*TUI) RequestRender(bool) {}

// SetDebugWriter ignores it: there is no debug output.
func (*TUI) SetDebugWriter(io.Writer) {}

// SetShowHardwareCursor ignores it: the cursor stays below the frame.
func (*TUI) SetShowHardwareCursor(bool) {}
