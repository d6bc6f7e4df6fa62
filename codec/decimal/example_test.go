package decimal_test

import (
	"fmt"

	"github.com/wireproof/wireproof/codec/decimal"
)

func ExampleDecimal() {
	price := decimal.MustParse("19.90")
	fmt.Println(price, price.Scale(), price.Sign())

	discount := decimal.New(5, 1)
	fmt.Println(discount, discount.Cmp(price))

	same, err := price.Rescale(1)
	fmt.Println(same, err, same.Equal(price))

	_, err = price.Rescale(0)
	fmt.Println(err)
	// Output:
	// 19.90 2 1
	// 0.5 -1
	// 19.9 <nil> true
	// 19.90 has more than 0 digits after the point
}
