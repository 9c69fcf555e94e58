// Package doorward is the root of Doorward, login for command-line programs. It holds no code: the rooms are its folders,
// and layout_test.go holds the law of what may import what.
package doorward
