// Package midterm replaces the version of midterm that Dagger wants, which is
// not served: it is version 0.2.4, where a search finds nothing. Searching is
// done with keys, and this build's progress display takes none.
package midterm

import real "airgap.local/midterm"

// Reset is the format that resets all others.
var Reset = real.Reset

// Terminal is an in-memory terminal.
type Terminal struct {
	*real.Terminal

	// SearchMatches are the places found: none.
	SearchMatches []SearchMatch
}

// SearchMatch is a place found by Search.
type SearchMatch struct{ Row int }

// NewAutoResizingTerminal returns a terminal that grows with its content.
func NewAutoResizingTerminal() *Terminal {
	return &Terminal{Terminal: real.NewAutoResizingTerminal()}
}

// Search finds nothing.
func (*Terminal) Search(string) int { return 0 }

// SearchClear has nothing to forget.
func (*Terminal) SearchClear() {}

// SearchSetCurrent answers that there is no such match.
func (*Terminal) SearchSetCurrent(int) (row int, ok bool) { return -1, false }

// SearchMatchRows returns the rows with a match: none.
func (*Terminal) SearchMatchRows() []int { return nil }
