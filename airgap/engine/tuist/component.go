// Package tuist replaces the terminal UI toolkit of Dagger's CLI, which is not
// served. It shows the same live tree; Ctrl-C is its only key, and the
// interactive shell, overlays, search and the key bar do not exist.
package tuist

import (
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
)

// Component renders itself as lines. The other interfaces are what a component
// may also be.
type (
	Component   interface{ Render(Context) }
	Mounter     interface{ OnMount(Context) }
	Dismounter  interface{ OnDismount() }
	Focusable   interface{ SetFocused(Context, bool) }
	Hoverable   interface{ SetHovered(Context, bool) }
	Interactive interface {
		HandleKeyPress(Context, uv.KeyPressEvent) bool
	}
	MouseEnabled interface {
		HandleMouse(Context, MouseEvent) bool
	}
)

// MouseEvent is a mouse event at a place in a component. None is ever sent.
type MouseEvent struct {
	uv.MouseEvent
	Row, Col int
}

// Context is a component's space and the place its lines go to. Height is 0
// where the parent sets no limit, Width as well where there is no terminal.
type Context struct {
	Width, Height int

	tui          *TUI
	screenHeight int
	lines        *[]string
}

// Line emits one line.
func (c Context) Line(line string) { c.Lines(line) }

// Lines emits lines.
func (c Context) Lines(lines ...string) { *c.lines = append(*c.lines, lines...) }

// Resize returns the context with another size; lines go to the same place.
func (c Context) Resize(width, height int) Context {
	c.Width, c.Height = width, height
	return c
}

// ScreenHeight returns the terminal's rows, 0 where there is no terminal.
func (c Context) ScreenHeight() int { return c.screenHeight }

// SetFocus gives a component the focus.
func (c Context) SetFocus(child Component) { c.tui.SetFocus(child) }

// TUI returns what the component is part of.
func (c Context) TUI() *TUI { return c.tui }

// render returns a component's lines.
func (c Context) render(child Component) []string {
	var lines []string
	c.lines = &lines
	child.Render(c)
	return lines
}

// RenderResult is a rendered component.
type RenderResult struct{ Lines []string }

// Compo is embedded by components.
type Compo struct{}

// Update has nothing to do: every frame is rendered anew.
func (*Compo) Update() {}

// RenderChild emits a child's lines.
func (*Compo) RenderChild(ctx Context, child Component) { child.Render(ctx) }

// RenderChildResult returns a child's lines.
func (*Compo) RenderChildResult(ctx Context, child Component) RenderResult {
	return RenderResult{ctx.render(child)}
}

// RenderChildInline returns a child's lines as one string.
func (*Compo) RenderChildInline(ctx Context, child Component) string {
	return strings.Join(ctx.render(child), "")
}

// Container renders its children below each other.
type Container struct {
	Compo
	Children []Component
}

// AddChild adds a child at the end.
func (c *Container) AddChild(child Component) { c.Children = append(c.Children, child) }

// Render implements Component.
func (c *Container) Render(ctx Context) {
	for _, child := range c.Children {
		child.Render(ctx)
	}
}
