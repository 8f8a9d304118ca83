package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Folder is what a volume over a folder of the image takes from it.
type Folder struct {
	Owner string `json:"owner"` // uid:gid
	Mode  string `json:"mode"`  // octal
}

// inspect prints, as JSON, the folders among the paths.
func inspect(paths []string, output io.Writer) error {
	found := map[string]Folder{}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() {
			continue
		}
		stat := info.Sys().(*syscall.Stat_t)
		found[path] = Folder{
			Owner: fmt.Sprintf("%d:%d", stat.Uid, stat.Gid),
			Mode:  fmt.Sprintf("%o", stat.Mode&0o7777),
		}
	}
	return json.NewEncoder(output).Encode(found)
}
