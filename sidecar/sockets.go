package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// listenState is TCP_LISTEN in the tables below /proc/net (proc(5), /proc/net/tcp).
const listenState = "0A"

// listeners are the sockets of the pod that take connections; all its containers share one network.
func listeners() []netip.AddrPort {
	var found []netip.AddrPort
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		found = append(found, listenersIn(table)...)
	}
	return found
}

// listenersIn passes over what it can't read: a kernel without IPv6 has no tcp6.
func listenersIn(table string) []netip.AddrPort {
	file, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer file.Close()
	var found []netip.AddrPort
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != listenState {
			continue
		}
		if socket, err := parseSocket(fields[1]); err == nil {
			found = append(found, socket)
		}
	}
	return found
}

// parseSocket reads `0100007F:1F90`: the address is printed as 32-bit numbers in the machine's own byte order.
func parseSocket(text string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(text, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	raw, err := hex.DecodeString(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for at := 0; at+4 <= len(raw); at += 4 {
		binary.NativeEndian.PutUint32(raw[at:], binary.BigEndian.Uint32(raw[at:]))
	}
	parsed, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", address)
	}
	return netip.AddrPortFrom(parsed.Unmap(), uint16(number)), nil
}
