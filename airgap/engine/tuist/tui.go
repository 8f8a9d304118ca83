package tuist

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
)

const frameInterval = 100 * time.Millisecond

var ctrlC = uv.KeyPressEvent{Code: 'c', Mod: uv.ModCtrl}

// TUI holds components. The first of them is the view; the others take input,
// and are not rendered. Between Start and Stop the view is kept drawn on the
// terminal, and components are only touched by functions given to Dispatch.
type TUI struct {
	screen   screen
	children []Component
	focused  Component

	mu      sync.Mutex
	queue   []func()
	started bool
	wake    chan struct{}
	stopped bool
}

// New returns a TUI that will draw on a terminal.
func New(terminal Terminal) *TUI {
	return &TUI{screen: screen{terminal: terminal}, wake: make(chan struct{}, 1)}
}

// Start mounts the children, runs what was dispatched, and starts to draw.
func (t *TUI) Start() {
	t.mu.Lock()
	t.started = true
	t.mu.Unlock()
	for _, child := range t.children {
		t.mount(child)
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	go t.loop(interrupts)
}

// Started says whether Start was called.
func (t *TUI) Started() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.started
}

// Stop draws the last frame and stops drawing. Dispatch goes on.
func (t *TUI) Stop() {
	done := make(chan struct{})
	t.Dispatch(func() {
		t.draw()
		t.stopped = true
		close(done)
	})
	<-done
}

// Dispatch runs a function after the ones dispatched before it, once Start was
// called. It does not wait for it.
func (t *TUI) Dispatch(fn func()) {
	t.mu.Lock()
	t.queue = append(t.queue, fn)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Exec lends the terminal to a function and returns its error. Nothing is
// drawn meanwhile.
func (t *TUI) Exec(fn func(in io.Reader, out, errOut io.Writer) error) error {
	t.screen.Lock()
	defer t.screen.Unlock()
	t.screen.show(nil)
	return fn(os.Stdin, os.Stdout, os.Stderr)
}

// Fail ends the process with an error.
func (t *TUI) Fail(message string) {
	t.screen.Lock()
	t.screen.show(nil)
	fmt.Fprintln(os.Stderr, "Error:", message)
	os.Exit(1)
}

// RenderLines returns what the view renders.
func (t *TUI) RenderLines() []string { return t.context().render(t.children[0]) }

// AddChild adds a child at the end.
func (t *TUI) AddChild(child Component) {
	t.children = append(t.children, child)
	if t.Started() {
		t.mount(child)
	}
}

// RemoveChild removes a child if it is there.
func (t *TUI) RemoveChild(child Component) {
	i := slices.Index(t.children, child)
	if i < 0 {
		return
	}
	t.children = slices.Delete(t.children, i, i+1)
	if d, ok := child.(Dismounter); ok {
		d.OnDismount()
	}
}

// SetFocus moves the focus to a component.
func (t *TUI) SetFocus(child Component) {
	if child == t.focused {
		return
	}
	before := t.focused
	t.focused = child
	if f, ok := before.(Focusable); ok {
		f.SetFocused(t.context(), false)
	}
	if f, ok := child.(Focusable); ok {
		f.SetFocused(t.context(), true)
	}
}

func (t *TUI) mount(child Component) {
	if m, ok := child.(Mounter); ok {
		m.OnMount(t.context())
	}
}

func (t *TUI) context() Context {
	width, height := t.screen.terminal.Size()
	return Context{Width: width, tui: t, screenHeight: height}
}

func (t *TUI) loop(interrupts <-chan os.Signal) {
	ticker := time.NewTicker(frameInterval)
	for {
		select {
		case <-t.wake:
			t.runQueue()
		case <-ticker.C:
			t.draw()
		case <-interrupts:
			t.interrupt()
		}
	}
}

func (t *TUI) runQueue() {
	t.mu.Lock()
	queue := t.queue
	t.queue = nil
	t.mu.Unlock()
	for _, fn := range queue {
		fn()
	}
}

// draw shows the view, unless Exec has the terminal.
func (t *TUI) draw() {
	if t.stopped || !t.screen.TryLock() {
		return
	}
	defer t.screen.Unlock()
	t.screen.show(t.RenderLines())
}

// interrupt tells the view of Ctrl-C: the terminal is not in raw mode, so it
// comes as a signal.
func (t *TUI) interrupt() {
	if i, ok := t.children[0].(Interactive); ok && !t.stopped {
		i.HandleKeyPress(t.context(), ctrlC)
	}
}
