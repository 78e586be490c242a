package server

import (
	"net/http"
	"net/netip"
	"strings"
)

// baseURL is where the client sees the server, without a slash at the end.
func (h *handler) baseURL(r *http.Request) string {
	if h.options.ExternalURL != "" {
		return strings.TrimRight(h.options.ExternalURL, "/")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if h.options.TrustForwarded && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// clientAddress is where a request comes from; the zero value if nobody knows.
func (h *handler) clientAddress(r *http.Request) netip.Addr {
	address := r.RemoteAddr
	if h.options.TrustForwarded {
		// The last one is the one that the proxy in front of us has seen.
		if all := r.Header.Values("X-Forwarded-For"); len(all) > 0 {
			list := strings.Split(all[len(all)-1], ",")
			address = strings.TrimSpace(list[len(list)-1])
		}
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		withPort, err := netip.ParseAddrPort(address)
		if err != nil {
			return netip.Addr{}
		}
		ip = withPort.Addr()
	}
	return ip.Unmap().WithZone("")
}

// clientNetwork is what failed authentications are counted by: for IPv6 the /64, of
// which one client has all addresses.
func clientNetwork(ip netip.Addr) string {
	if !ip.IsValid() {
		return "unknown"
	}
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return ip.String()
}
