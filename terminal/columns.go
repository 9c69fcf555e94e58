package terminal

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// Columns lays out rows so that cells of a column begin one below the other, gap spaces after the widest of the column
// before. Widths are those of a terminal: a CJK character takes two. Cells are cleaned; the last cell of a row is not
// padded, so that lines end without spaces.
func Columns(rows [][]string, gap int) string {
	cells := make([][]string, len(rows))
	var widths []int
	for i, row := range rows {
		cells[i] = make([]string, len(row))
		for j, cell := range row {
			cells[i][j] = Clean(cell)
			if j == len(widths) {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], displaywidth.String(cells[i][j]))
		}
	}
	var b strings.Builder
	for _, row := range cells {
		writeRow(&b, row, widths, gap)
	}
	return b.String()
}

// writeRow writes one line; empty cells at its end count as absent.
func writeRow(b *strings.Builder, row []string, widths []int, gap int) {
	for len(row) > 0 && row[len(row)-1] == "" {
		row = row[:len(row)-1]
	}
	for j, cell := range row {
		b.WriteString(cell)
		if j < len(row)-1 {
			b.WriteString(strings.Repeat(" ", widths[j]-displaywidth.String(cell)+gap))
		}
	}
	b.WriteByte('\n')
}
