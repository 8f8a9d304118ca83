package main

import (
	"os"
	"sync"
	"syscall"
)

// reaper is the one place that waits for processes: as process 1 this program
// also gets the ends of orphans, and they must not be mistaken for its own.
type reaper struct {
	lock    sync.Mutex
	wake    *sync.Cond
	waiting map[int]chan int
}

func newReaper() *reaper {
	r := &reaper{waiting: map[int]chan int{}}
	r.wake = sync.NewCond(&r.lock)
	go r.loop()
	return r
}

// start runs this program's own second stage; the channel gives its exit code.
func (r *reaper) start(words []string, attributes *os.ProcAttr) (pid int, code <-chan int, err error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	child, err := os.StartProcess("/proc/self/exe", words, attributes)
	if err != nil {
		return 0, nil, err
	}
	ended := make(chan int, 1)
	r.waiting[child.Pid] = ended
	r.wake.Signal()
	return child.Pid, ended, nil
}

func (r *reaper) loop() {
	for {
		r.lock.Lock()
		for len(r.waiting) == 0 {
			r.wake.Wait()
		}
		r.lock.Unlock()
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil || !(status.Exited() || status.Signaled()) {
			continue
		}
		r.lock.Lock()
		if ended, ours := r.waiting[pid]; ours {
			ended <- exitCode(status)
			delete(r.waiting, pid)
		}
		r.lock.Unlock()
	}
}
