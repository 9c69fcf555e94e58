//go:build !unix && !windows

package cred

func sharing(error) bool { return false }
