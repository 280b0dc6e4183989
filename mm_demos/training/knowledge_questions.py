"""Questions on two sets of documents, answerable and not, that the support score is fitted and measured on.

An answerable line is "question | document | heading of the passage that answers it"; for tables the heading is the row's name.
"""

from __future__ import annotations

SHOP_ANSWERABLE = """
How much does express delivery cost? | shipping.md | Delivery costs
Is shipping free if I spend 70 euros? | shipping.md | Delivery costs
How long does a parcel to Spain take? | shipping.md | Delivery times
When will my order leave if I buy at noon? | shipping.md | Delivery times
Do you ship to Norway? | shipping.md | Where we deliver
Can you send a parcel to Japan? | shipping.md | Where we deliver
Can I pick my order up myself? | shipping.md | Collecting from the shop
How long do you hold an order for collection? | shipping.md | Collecting from the shop
My tracking link does not move, what should I do? | shipping.md | Tracking
The package never showed up. When do you call it lost? | shipping.md | Parcels that are late or lost
My teapot came in pieces, what now? | shipping.md | Parcels that arrive damaged
Can I still change my delivery address? | shipping.md | Changing or cancelling an order
Do you offer gift wrapping? | shipping.md | Packaging
Is there plastic in your boxes? | shipping.md | Packaging
How many days do I have to send something back? | returns.md | Right to return
Can I return a plant that I do not like? | returns.md | Living plants
Which things can I not return? | returns.md | What cannot be returned
Can I give back tea that I have opened? | returns.md | What cannot be returned
Do I get money back for seconds? | returns.md | Seconds
Who pays for the return label? | returns.md | How to return
How do I send an item back? | returns.md | How to return
When will I see my refund? | returns.md | Refunds
Can I swap it for another colour? | returns.md | Exchanges
I was given this as a present, may I return it? | returns.md | Gifts
How long is the guarantee on a lamp? | warranty.md | Two years on everything
Is limescale covered by the warranty? | warranty.md | What the warranty does not cover
What do I need to make a warranty claim? | warranty.md | How to claim
Can I buy a new lid for my teapot? | warranty.md | Spare parts
Do you mend chipped cups? | warranty.md | Repairs
Can I pay with PayPal? | payment.md | Ways to pay
Do you take American Express? | payment.md | Ways to pay
When is my card charged? | payment.md | When you are charged
Can I pay in instalments? | payment.md | Paying later
Is VAT included in your prices? | payment.md | Prices and invoices
Is there a discount code for new customers? | payment.md | Vouchers and gift cards
How long can a gift card be used? | payment.md | Vouchers and gift cards
My payment did not go through, is my order gone? | payment.md | Failed payments
Is there a discount for a café that orders a lot? | payment.md | Bulk orders
Are you open on Saturdays? | contact.md | Opening hours
When do you close on Christmas Eve? | contact.md | Opening hours
What is your address? | contact.md | Where we are
May I bring my dog into the shop? | contact.md | Where we are
What is your phone number? | contact.md | How to reach us
Who founded the company? | contact.md | Who we are
How much is a pottery class? | contact.md | Workshops
Where do I complain? | contact.md | Complaints
Do you store my credit card number? | privacy.md | What we keep
How long do you keep my invoices? | privacy.md | How long we keep it
Do you sell my data to others? | privacy.md | Who sees it
How can I have my data deleted? | privacy.md | Your rights
How do I unsubscribe from the newsletter? | privacy.md | Newsletter
Are my voice messages stored? | privacy.md | Chats and voice messages
How much is the Moss Teapot? | products.csv | Moss Teapot
Is the Heron Kettle electric? | products.csv | Heron Kettle
Can the pebble mug go in the microwave? | products.csv | Pebble Mug
How often must I water the snake plant? | products.csv | Snake Plant
Is the Boston fern dangerous for cats? | products.csv | Boston Fern
Do you have the wool tea cosy in stock? | products.csv | Wool Tea Cosy
How long does the beeswax candle burn? | products.csv | Beeswax Candle
Does your chamomile tea have caffeine? | products.csv | Evening Chamomile Tea
What is the oak tray made of? | products.csv | Oak Tea Tray
How big is the harbour plate? | products.csv | Harbour Plate
How do I descale the kettle? | care-guide.pdf | Care guide: Looking after the kettle and the lamp
Which bulb fits the Dusk Lamp? | care-guide.pdf | Care guide: Looking after the kettle and the lamp
Why are the leaves of my plant yellow? | care-guide.pdf | Care guide: Looking after plants
How do I get tea stains out of my cup? | care-guide.pdf | Care guide: Looking after ceramics
"""

SHOP_UNANSWERABLE = """
Do you sell coffee machines?
Do you have a shop in Paris?
Which football team won last night?
What is the capital of France?
Can you recommend a good restaurant nearby?
How much does a bicycle cost?
What is the salary of your employees?
Are you hiring at the moment?
Is the glaze on your cups free of lead?
Do you have an app for my phone?
Can I pay with a student discount?
What is the wifi password in the shop?
Who is the president of the United States?
How do I reset my password?
Do you sell roses?
How many customers do you have?
Is there a loyalty programme with points?
Can you write a poem about the sea?
What will the weather be tomorrow?
Do you have vegan leather bags?
What is the carbon footprint of a parcel?
Do you rent out the shop for weddings?
How tall is Nora?
Which clay do you use and where is it dug?
At what temperature are your pots fired?
Can I buy shares of your company?
How old is the building?
Do you sell dog food?
Is there a vaccine for the flu?
Does the kettle have Bluetooth?
What is the meaning of life?
Can you translate this into Chinese?
Do you deliver by drone?
Which of your mugs did a celebrity use?
Do you have a size chart for shoes?
Can I bring my own mug to be painted?
Is your tea tested for pesticides?
What is two hundred times seven?
How many calories does a biscuit have?
Do you sell second-hand books?
Where can I park my boat?
What is your opinion on politics?
Does Emil have children?
Do you make teapots out of glass?
How do I fix my washing machine?
What was your turnover last year?
Do you sponsor local sports clubs?
Which language is spoken in Brazil?
Is there a nut allergy risk in your tea room?
Do you sell laptops or tablets?
When does the next train to the airport leave?
Can I get a tattoo of your logo?
Do you have a job for a baker?
How does photosynthesis work?
Do you sell curtains?
Who designed your website?
Are your workers in a union?
Is the lamp made in China?
Do you have an outlet for returned goods abroad?
Can children play in the shop?
"""

# Other documents, so that the score does not learn one shop by heart.
HANDBOOK = """# Readers' handbook of the city library

## Cards
A library card costs 12 euros a year for adults, nothing for children and students. Bring an identity card and proof of address.

## Borrowing
You may borrow up to 20 items. Books are lent for 4 weeks, films and games for 1 week. Dictionaries and newspapers are read here.

## Renewing
Loans can be renewed twice on the web site or by telephone, unless somebody else has reserved the item.

## Late items
For each late item we charge 20 cents a day, at most 10 euros. Children pay nothing. Three reminders are sent by e-mail.

## Lost or damaged items
Whoever loses an item replaces it with the same edition or pays its price and a fee of 5 euros.

## Reservations
Reserving an item that is out costs 1 euro. It waits for you on the shelf at the entrance for 7 days.

## Reading rooms
The quiet room on the second floor has 40 desks. Phone calls and food are not allowed there; water in closed bottles is.

## Computers and printing
There are 12 computers for everybody, one hour at a time. A printed page costs 10 cents in black and 40 cents in colour.

## Wireless network
The network is called READERS; the key is printed on the back of your card. It is switched off at closing time.

## Group rooms
Three rooms for up to 6 people can be booked free of charge for 2 hours, at most one week ahead.

## Story hour
Children from 4 to 7 hear a story every Wednesday at 16:00 in the cellar theatre. No booking is needed.

## Donations of books
We take books that are younger than 5 years and clean. What we cannot use is sold at the flea market in June.
"""

HANDBOOK_ANSWERABLE = """
How much is a library card? | handbook.md | Cards
Do students have to pay for membership? | handbook.md | Cards
How many books can I take home? | handbook.md | Borrowing
How long may I keep a film? | handbook.md | Borrowing
Can I extend my loan? | handbook.md | Renewing
What is the fine when I bring a book back too late? | handbook.md | Late items
I lost a book, what do I have to pay? | handbook.md | Lost or damaged items
How long is a reserved book kept for me? | handbook.md | Reservations
May I eat in the quiet room? | handbook.md | Reading rooms
What does colour printing cost? | handbook.md | Computers and printing
How do I get on the internet with my laptop? | handbook.md | Wireless network
Where is the wifi password? | handbook.md | Wireless network
Can our study group book a room? | handbook.md | Group rooms
When is the story hour for kids? | handbook.md | Story hour
Do you take old books as a gift? | handbook.md | Donations of books
"""

HANDBOOK_UNANSWERABLE = """
Who wrote War and Peace?
Do you have a café?
How do I become a librarian?
When was the library built?
Do you lend bicycles?
Is there a museum in the city?
Do you sell stamps?
How much is a teapot?
Are there lockers for my bag?
Which is the best novel of this year?
How do I cook rice?
What does the mayor earn?
Is there a swimming pool nearby?
Do you offer language courses in Spanish?
Who won the world cup?
"""
