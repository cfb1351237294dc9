package main

import (
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// lookOften is when discovery looks while nothing listens: a command that comes up is let through at once.
	lookOften = 100 * time.Millisecond
	// lookRarely is when it looks again otherwise; a connection that fails makes it look besides.
	lookRarely = time.Second
	// nodeInspector is opened by `node --inspect` beside the server, and never is it.
	nodeInspector = 9229
)

// usualPorts of development servers, the most usual first; for commands of which nobody said the port.
var usualPorts = []int{3000, 5173, 8080, 8000, 4200, 4321, 5000, 8888, 3001, 5174, 1234, 8081, 4000, 9000}

// discovery finds where the command takes connections.
type discovery struct {
	places places
	own    []int

	mutex   sync.Mutex
	targets []string
}

func newDiscovery(p places) *discovery {
	return &discovery{places: p, own: ownPorts()}
}

// ownPorts are the sidecar's, and others that never are the command's.
func ownPorts() []int {
	own := []int{nodeInspector, gatePort(), healthPort()}
	if at := ingressFromEnvironment(); at != nil {
		own = append(own, at.port)
	}
	return own
}

// follow looks until the process ends, and writes ports.json when something changed.
func (d *discovery) follow() {
	written := listening{}
	for {
		found := d.look()
		if written.Ports == nil || !isSame(found, written) {
			complain("ports.json can't be written", writeJSON(d.places.ports(), found))
			written = found
		}
		time.Sleep(interval(found))
	}
}

// look reads the kernel's tables now, so that nobody is told of a port that was closed meanwhile.
func (d *discovery) look() listening {
	open := slices.DeleteFunc(listeners(), func(each netip.AddrPort) bool {
		return slices.Contains(d.own, int(each.Port()))
	})
	desired, _ := readWanted(d.places)
	found := choose(portsOf(open), desired)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.targets = targetsAt(open, found.Port)
	return found
}

// reach gives the addresses to try, in order; none while nothing listens. `isFresh`: the last ones didn't answer.
func (d *discovery) reach(isFresh bool) []string {
	if isFresh {
		d.look()
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.targets
}

// choose takes the wanted port when it listens; another one only where the wanted one is a guess.
func choose(open []int, desired *wanted) listening {
	found := listening{Ports: open}
	pick := func(port int) *listening { found.Port = &port; return &found }
	if desired != nil && desired.Port != nil {
		if slices.Contains(open, *desired.Port) {
			return *pick(*desired.Port)
		}
		if desired.IsPortFixed {
			return found
		}
	}
	for _, port := range usualPorts {
		if slices.Contains(open, port) {
			return *pick(port)
		}
	}
	if len(open) > 0 {
		return *pick(open[0])
	}
	return found
}

func portsOf(open []netip.AddrPort) []int {
	ports := []int{}
	for _, each := range open {
		ports = append(ports, int(each.Port()))
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

func targetsAt(open []netip.AddrPort, port *int) []string {
	var targets []string
	for _, each := range open {
		if port != nil && int(each.Port()) == *port {
			targets = append(targets, targetsOf(each)...)
		}
	}
	return targets
}

// targetsOf reaches what listens on all addresses over loopback. `::` takes IPv4 too unless it was told not to, and a
// pod may have no IPv6 loopback.
func targetsOf(socket netip.AddrPort) []string {
	port := strconv.Itoa(int(socket.Port()))
	switch {
	case !socket.Addr().IsUnspecified():
		return []string{socket.String()}
	case socket.Addr().Is4():
		return []string{"127.0.0.1:" + port}
	default:
		return []string{"[::1]:" + port, "127.0.0.1:" + port}
	}
}

func interval(found listening) time.Duration {
	if found.Port == nil {
		return lookOften
	}
	return lookRarely
}

func isSame(one, other listening) bool {
	isSamePort := one.Port == other.Port || one.Port != nil && other.Port != nil && *one.Port == *other.Port
	return isSamePort && slices.Equal(one.Ports, other.Ports)
}
