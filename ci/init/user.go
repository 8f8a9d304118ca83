package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// identity is who the service runs as.
type identity struct {
	uid, gid int
	groups   []int
	home     string
}

// resolve looks user and groups up in the image's own files, as Docker does: a
// numeric uid that the image does not know has group 0 and home /, and with an
// explicit group it is in no others. The own group is among the supplementary ones.
func resolve(user string, extra []string, passwd, group string) (identity, error) {
	name, groupName, hasGroup := strings.Cut(user, ":")
	if name == "" {
		name = "0"
	}
	id := identity{home: "/"}
	entry := find(passwd, name, 2)
	switch {
	case entry != nil && len(entry) >= 6:
		id.uid, id.gid, id.home = number(entry[2]), number(entry[3]), entry[5]
		name = entry[0]
	case isNumber(name):
		id.uid = number(name)
	default:
		return id, fmt.Errorf("user %q is not in the image's %s", name, passwd)
	}
	if hasGroup && groupName != "" {
		gid, err := groupID(groupName, group)
		if err != nil {
			return id, err
		}
		id.gid = gid
	} else {
		id.groups = memberOf(name, group)
	}
	for _, item := range extra {
		gid, err := groupID(item, group)
		if err != nil {
			return id, err
		}
		id.groups = append(id.groups, gid)
	}
	if !slices.Contains(id.groups, id.gid) {
		id.groups = append([]int{id.gid}, id.groups...)
	}
	return id, nil
}

func groupID(name, file string) (int, error) {
	if entry := find(file, name, 2); entry != nil {
		return number(entry[2]), nil
	}
	if isNumber(name) {
		return number(name), nil
	}
	return 0, fmt.Errorf("group %q is not in the image's %s", name, file)
}

// find returns the fields of the line whose name, or number in column, is key.
func find(path, key string, column int) []string {
	for _, fields := range lines(path) {
		if len(fields) > column && (fields[0] == key || fields[column] == key) {
			return fields
		}
	}
	return nil
}

// memberOf returns the groups whose member list holds the name.
func memberOf(name, path string) []int {
	var groups []int
	for _, fields := range lines(path) {
		if len(fields) < 4 {
			continue
		}
		for _, member := range strings.Split(fields[3], ",") {
			if member == name {
				groups = append(groups, number(fields[2]))
			}
		}
	}
	return groups
}

func lines(path string) [][]string {
	file, err := os.Open(path)
	if err != nil {
		return nil // an image without users is a good one
	}
	defer file.Close()
	var found [][]string
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		found = append(found, strings.Split(scanner.Text(), ":"))
	}
	return found
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 31)
	return err == nil
}

func number(text string) int {
	value, _ := strconv.Atoi(text)
	return value
}
