package tuist

import (
	"slices"
	"strings"
	"testing"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
)

// view is a root component that shows its text and reports what happens to it.
type view struct {
	Compo
	text   string
	mounts int
	keys   []string
}

func (v *view) Render(ctx Context) { ctx.Lines(strings.Split(v.text, "\n")...) }
func (v *view) OnMount(Context)    { v.mounts++ }
func (v *view) HandleKeyPress(_ Context, key uv.KeyPressEvent) bool {
	v.keys = append(v.keys, uv.Key(key).String())
	return true
}

// parent renders its child in the three ways there are.
type parent struct {
	Compo
	child Component
}

func (p *parent) Render(ctx Context) {
	p.RenderChild(ctx, p.child)
	ctx.Lines(p.RenderChildResult(ctx.Resize(3, 1), p.child).Lines...)
	ctx.Line("<" + p.RenderChildInline(ctx, p.child) + ">")
}

// paper is a terminal that hands over what is written on it.
type paper struct {
	width, height int
	written       chan string
}

func (p *paper) Size() (width, height int) { return p.width, p.height }
func (p *paper) Write(frame []byte) (int, error) {
	p.written <- string(frame)
	return len(frame), nil
}

func newPaper(width, height int) *paper { return &paper{width, height, make(chan string, 99)} }

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came in 10 s")
		panic("unreachable")
	}
}

func TestStartMountsTheChildren(t *testing.T) {
	early, late := &view{}, &view{}
	tui := New(newPaper(0, 0))
	tui.AddChild(early)
	if early.mounts != 0 {
		t.Error("mounted before Start")
	}
	tui.Start()
	if early.mounts != 1 {
		t.Errorf("mounted %d times by Start, want 1", early.mounts)
	}
	tui.Dispatch(func() { tui.AddChild(late) })
	tui.Stop()
	if late.mounts != 1 {
		t.Errorf("a child added after Start was mounted %d times, want 1", late.mounts)
	}
}

func TestDispatchQueuesUntilStartAndStillRunsAfterStop(t *testing.T) {
	tui := New(newPaper(0, 0))
	tui.AddChild(&view{})
	ran := make(chan int, 3)
	tui.Dispatch(func() { ran <- 1 })
	tui.Dispatch(func() { ran <- 2 })
	if len(ran) != 0 {
		t.Error("ran before Start")
	}
	tui.Start()
	for want := 1; want <= 2; want++ {
		if got := receive(t, ran); got != want {
			t.Errorf("ran %d, want %d", got, want)
		}
	}
	tui.Stop()
	tui.Dispatch(func() { ran <- 3 })
	receive(t, ran)
}

func TestRenderLinesReturnsTheLinesOfTheView(t *testing.T) {
	tui := New(newPaper(0, 0))
	tui.AddChild(&parent{child: &view{text: "a\nb"}})
	tui.AddChild(&view{text: "key bar"})
	want := []string{"a", "b", "a", "b", "<ab>"}
	if got := tui.RenderLines(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheViewIsRedrawnInPlace(t *testing.T) {
	out, root := newPaper(80, 3), &view{text: "one\ntwo\nthree"}
	tui := New(out)
	tui.AddChild(root)
	tui.AddChild(&view{text: "key bar"})
	tui.Start()
	first := receive(t, out.written)
	tui.Dispatch(func() { root.text = "done" })
	second := receive(t, out.written)
	tui.Stop()
	if strings.Contains(first, "one") || !strings.Contains(first, "two") || !strings.Contains(first, "three") {
		t.Errorf("want the last 2 lines on 3 rows, got %q", first)
	}
	if strings.Contains(first+second, "key bar") {
		t.Errorf("drew more than the view: %q", first+second)
	}
	if !strings.Contains(second, "\x1b[2A") || !strings.Contains(second, "done\x1b[0m\x1b[K") {
		t.Errorf("want the cursor 2 lines up and the new text, got %q", second)
	}
}

func TestOffATerminalNothingIsDrawn(t *testing.T) {
	out := newPaper(0, 0)
	tui := New(out)
	tui.AddChild(&view{text: "text"})
	tui.Start()
	tui.Stop()
	if len(out.written) != 0 {
		t.Errorf("drew %q", <-out.written)
	}
}

func TestInterruptIsCtrlC(t *testing.T) {
	root := &view{}
	tui := New(newPaper(0, 0))
	tui.AddChild(root)
	tui.interrupt()
	if !slices.Equal(root.keys, []string{"ctrl+c"}) {
		t.Errorf("got keys %q", root.keys)
	}
}
