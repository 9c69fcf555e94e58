package server

// Machines returns the patterns of the routes that are no pages: what /openapi.json describes.
func (s *Server) Machines() []string {
	var patterns []string
	for _, route := range s.routes[:len(s.routes)-1] {
		if route.kind != page {
			patterns = append(patterns, route.pattern)
		}
	}
	return patterns
}
